"""What people see: the page and the script, in a real browser."""
