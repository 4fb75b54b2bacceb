"""Durable execution for the Celery and Redis you already run."""

from durable_celery.combining import as_completed, gather, select, wait_completed
from durable_celery.context import Context
from durable_celery.durable import Durable
from durable_celery.errors import (
    AlreadyExists,
    AlreadySettled,
    Cancelled,
    DeadlockError,
    DurableError,
    ExecutionFailed,
    Expired,
    FunctionNotFound,
    HistoryTooLong,
    IdConflict,
    InvalidId,
    InvalidName,
    InvalidValue,
    NonDeterminismError,
    NotAnOperation,
    NotExternal,
    NotOnDisk,
    NotSerializable,
    OperationNotAwaited,
    Parked,
    PayloadTooLarge,
    PayloadUnreadable,
    PromiseNotFound,
    Rejected,
    RetryableError,
    RetryLater,
    StoreFull,
    StoreMisconfigured,
    StoreUnavailable,
    TaskLost,
    TerminalError,
    TimedOut,
    TooManyExecutions,
)
from durable_celery.function import Function
from durable_celery.handle import Handle
from durable_celery.ingress import app
from durable_celery.object import ObjectContext, ObjectSharedContext, VirtualObject
from durable_celery.op import Op
from durable_celery.promise import Promise, State
from durable_celery.retry import RetryPolicy
from durable_celery.runoptions import RunOptions
from durable_celery.service import Service
from durable_celery.steps import Step
from durable_celery.stores import LocalStore, RedisStore
from durable_celery.workflow import Workflow, WorkflowContext, WorkflowSharedContext

__all__ = [
    # the door
    "Durable",
    "Function",
    "Handle",
    # services, virtual objects, workflows
    "ObjectContext",
    "ObjectSharedContext",
    "RunOptions",
    "Service",
    "VirtualObject",
    "Workflow",
    "WorkflowContext",
    "WorkflowSharedContext",
    "app",
    "as_completed",
    "gather",
    "select",
    "wait_completed",
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
    "DeadlockError",
    "DurableError",
    "ExecutionFailed",
    "Expired",
    "FunctionNotFound",
    "HistoryTooLong",
    "IdConflict",
    "InvalidId",
    "InvalidName",
    "InvalidValue",
    "NonDeterminismError",
    "NotAnOperation",
    "NotExternal",
    "NotSerializable",
    "OperationNotAwaited",
    "Parked",
    "PayloadTooLarge",
    "PayloadUnreadable",
    "PromiseNotFound",
    "Rejected",
    "RetryableError",
    "RetryLater",
    "StoreFull",
    "StoreMisconfigured",
    "NotOnDisk",
    "StoreUnavailable",
    "TaskLost",
    "TerminalError",
    "TimedOut",
    "TooManyExecutions",
]
