"""Sends events one at a time, each body a unique token, and prints the token of each that was acknowledged.

    one_at_a_time.py READY_FILE COUNT

`cargo xtask flush` runs it against a server whose system calls are traced, and looks the tokens up in the trace.
"""

import json
import secrets
import sys

from proton import Delivery, Message
from proton.utils import BlockingConnection


def main(ready_file, count):
    with open(ready_file, encoding="utf-8") as file:
        ready = json.load(file)
    setting = dict(part.split("=", 1) for part in ready["connection_string"].split(";") if part)
    connection = BlockingConnection(
        f"amqp://{ready['amqp']}",
        timeout=30,
        allowed_mechs="PLAIN",
        user=setting["SharedAccessKeyName"],
        password=setting["SharedAccessKey"],
    )
    try:
        sender = connection.create_sender("events/Partitions/0")
        run = secrets.token_hex(4)
        for number in range(int(count)):
            token = f"flush-proof-{run}-{number:05}"
            delivery = sender.send(Message(body=token.encode(), inferred=True))
            if delivery.remote_state != Delivery.ACCEPTED:
                sys.exit(f"{token}: the server answered {delivery.remote_state}")
            print(token, flush=True)
    finally:
        connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
