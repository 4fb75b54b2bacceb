"""The web application in one process, without Redis: what each request is answered with."""
