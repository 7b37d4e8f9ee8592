"""The way out over HTTPS: to Works and to object storage. Nobody else on site imports httpx."""
