"""The pages of Works: what a person sees in a browser. Doors only: read, call one function, answer."""
