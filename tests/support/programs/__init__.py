"""Programs that tests run as processes of their own, and `launch`, which runs them."""
