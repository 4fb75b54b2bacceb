DEBUG = True
SECRET_KEY = "for this example only"
ROOT_URLCONF = "urls"
