"""Durable execution for the Celery and Redis you already run."""

from durable_celery.context import Context
from durable_celery.durable import Durable
from durable_celery.errors import (
    AlreadyExists,
    AlreadySettled,
    Cancelled,
    DurableError,
    ExecutionFailed,
    FunctionNotFound,
    HistoryTooLong,
    IdConflict,
    InvalidId,
    InvalidName,
    NonDeterminismError,
    NotAnOperation,
    NotExternal,
    NotSerializable,
    OperationNotAwaited,
    Parked,
    PayloadTooLarge,
    PromiseNotFound,
    Rejected,
    RetryLater,
    StoreFull,
    StoreMisconfigured,
    StoreUnavailable,
    TaskLost,
    TerminalError,
    TimedOut,
)
from durable_celery.function import Function
from durable_celery.handle import Handle
from durable_celery.op import Op
from durable_celery.promise import Promise, State
from durable_celery.retry import RetryPolicy
from durable_celery.steps import Step
from durable_celery.stores import LocalStore, RedisStore

__all__ = [
    # the door
    "Durable",
    "Function",
    "Handle",
    # what a body is given
    "Context",
    "Op",
    "RetryPolicy",
    # what is kept
    "LocalStore",
    "Promise",
    "RedisStore",
    "State",
    "Step",
    # what can go wrong
    "AlreadyExists",
    "AlreadySettled",
    "Cancelled",
    "DurableError",
    "ExecutionFailed",
    "FunctionNotFound",
    "HistoryTooLong",
    "IdConflict",
    "InvalidId",
    "InvalidName",
    "NonDeterminismError",
    "NotAnOperation",
    "NotExternal",
    "NotSerializable",
    "OperationNotAwaited",
    "Parked",
    "PayloadTooLarge",
    "PromiseNotFound",
    "Rejected",
    "RetryLater",
    "StoreFull",
    "StoreMisconfigured",
    "StoreUnavailable",
    "TaskLost",
    "TerminalError",
    "TimedOut",
]
