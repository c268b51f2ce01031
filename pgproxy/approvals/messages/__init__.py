"""What others are told of an approval, and what they answer: payloads in, payloads out. `net` and `web` carry them."""
