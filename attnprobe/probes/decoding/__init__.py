"""What decoding one token at a time needs."""
