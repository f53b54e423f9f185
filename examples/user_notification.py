"""Fetch a user and send them an email.

    python examples/user_notification.py

The email is printed, and after it what the workflow returns.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TypedDict

from yieldflow import Flow, Orchestrator, YieldflowError, activity, workflow


class User(TypedDict):
    """A user, as the directory knows them."""

    id: int
    name: str
    email: str


class EmailResult(TypedDict):
    """What the mail server answered."""

    status: str
    to: str


class Notification(TypedDict):
    """What the workflow returns."""

    user_notified: bool
    user: User
    email_result: EmailResult


@activity
def fetch_user(user_id: int) -> User:
    """Look a user up."""
    return User(id=user_id, name=f"User{user_id}", email=f"user{user_id}@example.com")


@activity
def send_email(to: str, subject: str, body: str) -> EmailResult:
    """Send an email, here to the terminal.

    An activity runs at least once: if the process dies after it and before the checkpoint, it runs again. Where a
    second email would do harm, give the mail server a key to know it by, such as one from `yieldflow.uuid4`.
    """
    print(f"To: {to}\nSubject: {subject}\n\n{body}\n", flush=True)
    return EmailResult(status="sent", to=to)


@workflow
def notify_user(user_id: int) -> Flow[Notification]:
    """Tell a user something important."""
    user = yield from fetch_user(user_id)
    email_result = yield from send_email(user["email"], "Important Notification", f"Hello {user['name']}!")
    return Notification(user_notified=True, user=user, email_result=email_result)


def main() -> None:
    """Notify one user and print what came of it."""
    parser = argparse.ArgumentParser(description="Fetch a user and send them an email.")
    parser.add_argument("--user-id", type=int, default=123, help="whom to notify (default: %(default)s)")
    parser.add_argument("--db", default="user_notification.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()

    with Orchestrator(arguments.db) as orchestrator:
        notification = orchestrator.run(notify_user(arguments.user_id))
    print(json.dumps(notification, indent=2))


if __name__ == "__main__":
    try:
        main()
    except YieldflowError as error:
        sys.exit(f"user_notification: {error}")
