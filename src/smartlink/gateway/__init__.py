"""SmartLink, the on-site program: receives images, keeps them safe, carries them to Works."""
