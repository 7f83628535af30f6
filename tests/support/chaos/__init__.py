"""A service under load whose database fails in every way: what is lost, what hangs."""
