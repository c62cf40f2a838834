"""Scene 3: a question of design is answered by the architect, who creates a structure after a "Yes"."""

from __future__ import annotations

from tests.scenes.scene import ARCHITECT, Answer, Decision, Scene, Turn, call, choose, say, write
from tests.scenes.shop import SHOP

ANSWER = """
I have read `main.py`, `orders.py` and `db.py`: today one process holds products, users and orders, and all of them
share one module of data. For e-commerce I recommend these services:

**Services**

1. User Service: accounts and logins
2. Product Service: catalogue and search
3. Order Service: orders, from the cart to the delivery
4. Payment Service: payments, isolated from everything else
5. Notification Service: mail and SMS

**Communication**

- Questions that need an answer at once: REST or gRPC.
- Everything that may happen a second later: events in a queue (RabbitMQ, Kafka).

**Patterns**

- API Gateway: clients know one address.
- Circuit Breaker: a slow service does not make the others slow.
- Saga: an order that cannot be paid releases its goods again.

| data | owner | store |
| --- | --- | --- |
| users, orders | User, Order Service | PostgreSQL |
| catalogue | Product Service | MongoDB |
| sessions, carts | API Gateway | Redis |

What it makes harder: an order is no longer one transaction, and every developer needs all services to try one. If one
team of three builds this, begin with modules in one process, and cut the Order Service out first.

Shall I create a diagram and the basic structure of a service?
"""
SERVICE = '''
"""Order Service: takes orders and follows them until they are delivered. Knows no web framework and no database."""

from order_service.models import Order, OrderState
from order_service.ports import Events, Orders


class OrderService:
    """The rules about orders."""

    def __init__(self, orders: Orders, events: Events) -> None:
        self._orders = orders
        self._events = events

    def place(self, order: Order) -> None:
        """Store a new order, and tell the other services."""
        self._orders.save(order)
        self._events.publish("order.placed", order.id)

    def confirm_payment(self, order_id: str) -> None:
        """Mark an order as paid, and tell the other services."""
        order = self._orders.load(order_id)
        self._orders.save(order.with_state(OrderState.PAID))
        self._events.publish("order.paid", order_id)
'''
MODELS = '''
"""What an order is."""

from dataclasses import dataclass, replace
from enum import Enum


class OrderState(Enum):
    PLACED = "placed"
    PAID = "paid"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Order:
    id: str
    user_id: int
    products: tuple[int, ...]
    state: OrderState = OrderState.PLACED

    def with_state(self, state: OrderState) -> "Order":
        """Return the order in another state."""
        return replace(self, state=state)
'''
PORTS = '''
"""What the service needs from outside: a store of orders, and a queue of events."""

from typing import Protocol

from order_service.models import Order


class Orders(Protocol):
    def load(self, order_id: str) -> Order: ...

    def save(self, order: Order) -> None: ...


class Events(Protocol):
    def publish(self, name: str, order_id: str) -> None: ...
'''
DIAGRAM = """
# Services

```mermaid
flowchart LR
    Client --> Gateway[API Gateway]
    Gateway --> Users[User Service] & Products[Product Service] & Orders[Order Service]
    Orders -- order.placed --> Queue[(Queue)]
    Queue --> Payment[Payment Service] & Notification[Notification Service]
    Payment -- order.paid --> Queue
```
"""
DONE = """
The structure of the Order Service is there:

- `order_service/service.py`: the rules, without web and database
- `order_service/models.py`: `Order` and its states
- `order_service/ports.py`: what the service needs from outside
- `docs/services.md`: the diagram

Next: an adapter for PostgreSQL, one for the queue, and the endpoints. I have run nothing, since there is no test yet.
"""

DESIGN = Scene(
    "design",
    "Design an architecture",
    SHOP,
    (
        Turn(
            "How should a microservice architecture for e-commerce be organised?",
            (
                "I read what there is",
                "Order Service: orders, from the cart to the delivery",
                "Shall I create a diagram",
            ),
            (),
            ("architect",),
            acts=False,
        ),
        Turn(
            "Yes, create the structure for the Order Service",
            ("The structure of the Order Service is there",),
            (Decision("Create order_service/models.py", Answer.YES_FOR_ALL),),
            ("architect",),
        ),
    ),
    choose("architect")
    + say(
        ARCHITECT,
        "I read what there is.",
        call("list_files"),
        call("read_file", path="main.py"),
        call("read_file", path="orders.py"),
        call("read_file", path="db.py"),
    )
    + say(ARCHITECT, ANSWER)
    + say(
        ARCHITECT,
        "",
        write("order_service/models.py", "What an order is, before anything uses it.", MODELS),
        write("order_service/ports.py", "So that the rules know neither database nor queue.", PORTS),
        write("order_service/service.py", "The rules about orders.", SERVICE),
        write("docs/services.md", "The diagram.", DIAGRAM),
    )
    + say(ARCHITECT, DONE),
    {
        "order_service/models.py": ("class OrderState",),
        "order_service/ports.py": ("class Orders(Protocol)",),
        "order_service/service.py": ("class OrderService",),
        "docs/services.md": ("mermaid",),
    },
)
