"""The five systems whose documents Watchbook was made from: their activity, and what must become of it."""
