"""A stand-in ultrasound system and the two programs around it: what `make demo` shows."""
