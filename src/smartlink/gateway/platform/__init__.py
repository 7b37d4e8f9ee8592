"""What differs between Linux and Windows, and nothing else: flushing, immediate acknowledgement, file protection."""
