"""The doors for programs: the link that gateways call. Thin: read, call one function, answer."""
