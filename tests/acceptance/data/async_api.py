from flask import Flask
from flask_restful import Resource, Api
import os
import time

from celery import Celery
from durable_celery import Durable
from durable_celery.web.flask import bind, durable_api as async_api

app = Flask(__name__)
api = Api(app)
celery = Celery("tasks", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
bind(app, Durable(celery), url_prefix="")


class CatchAll(Resource):
    @async_api
    def get(self, path=''):
        # perform some intensive processing
        print("starting processing task, path: '%s'" % path)
        time.sleep(10)
        print("completed processing task, path: '%s'" % path)
        return f'The answer is: {path}'


api.add_resource(CatchAll, '/<path:path>', '/')


if __name__ == '__main__':
    app.run(debug=True)
