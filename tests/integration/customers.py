"""Customers of the stand-in for the bank beside its sample ones, until it is reset."""

from collections.abc import Iterable
from pathlib import Path

from localcloud.bank.database import CURRENCY, Database
from localcloud.bank.pins import digest, new_salt, scramble
from localcloud.bank.samples import SampleCustomer


def add_customers(file: Path, customers: Iterable[SampleCustomer]) -> None:
    """Write customers into the file of a bank, which may be running."""
    database = Database(file)
    try:
        with database.transaction() as connection:
            for customer in customers:
                salt = new_salt()
                row = (customer.id, digest(customer.number), salt, scramble(customer.pin, salt))
                connection.execute("insert into customers values (?, ?, ?, ?)", row)
                for account in customer.accounts:
                    of_account = (account.id, customer.id, account.type, account.last4, CURRENCY, account.cents)
                    connection.execute("insert into accounts values (?, ?, ?, ?, ?, ?)", of_account)
                    if account.card:
                        of_card = (account.card.id, account.id, account.card.last4)
                        connection.execute("insert into cards values (?, ?, ?, 0)", of_card)
    finally:
        database.close()
