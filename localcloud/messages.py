"""What people write and hear: sample webhooks of Slack, Twilio and Meta."""

import random
import string
import time
from typing import Any

from localcloud.event import FORM, Event, form_body, hash_id, json_body, new_uuid

_TEXTS = (
    "Is volume 3 of Moonlit Courier back in stock?",
    "¿Dónde está mi pedido? 📦",
    "表紙が違うみたいです。交換をお願いします。",
    "Merci, le colis est arrivé à l'heure !",
    "My order #1001 & the box set: one parcel or two?",
    "Dziękuję, właśnie zaczęłam czytać",
)
_UPPER = string.ascii_uppercase + string.digits
_HEX = "0123456789abcdef"


def slack(chance: random.Random, number: int) -> Event:
    """An event of the Events API, or now and then a slash command, which has no id."""
    if chance.random() < 0.2:
        return _slash_command(chance)
    event_id, team, app = f"Ev{_some(chance, _UPPER, 9)}", "T0SHOPTEAM1", "A0FRONTDESK"
    second = int(time.time())
    event = _slack_event(chance, f"{second}.{chance.randrange(10**6):06d}")
    document = {
        "token": _some(chance, string.ascii_letters + string.digits, 24),
        "team_id": team,
        "api_app_id": app,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": second,
        "authorizations": [{"team_id": team, "user_id": "U0FRONTDESK", "is_bot": True}],
        "is_ext_shared_channel": False,
    }
    return Event(event_id, event["type"], json_body(document))


def _slack_event(chance: random.Random, moment: str) -> dict[str, Any]:
    user, channel = f"U{_some(chance, _UPPER, 10)}", f"C{_some(chance, _UPPER, 10)}"
    kind = chance.choice(("message", "app_mention", "reaction_added"))
    if kind == "reaction_added":
        item = {"type": "message", "channel": channel, "ts": moment}
        return {"type": kind, "user": user, "reaction": "books", "item": item, "event_ts": moment}
    text = chance.choice(_TEXTS)
    said = f"<@U0FRONTDESK> {text}" if kind == "app_mention" else text
    return {"type": kind, "user": user, "text": said, "channel": channel, "ts": moment, "event_ts": moment}


def _slash_command(chance: random.Random) -> Event:
    command = chance.choice(("/order", "/stock"))
    trigger = f"{chance.randrange(10**12)}.{chance.randrange(10**11)}.{_some(chance, _HEX, 32)}"
    fields = {
        "token": _some(chance, string.ascii_letters + string.digits, 24),
        "team_id": "T0SHOPTEAM1",
        "team_domain": "example-manga",
        "channel_id": f"C{_some(chance, _UPPER, 10)}",
        "channel_name": "orders",
        "user_id": f"U{_some(chance, _UPPER, 10)}",
        "user_name": chance.choice(("aiko", "bram", "zoë")),
        "command": command,
        "text": chance.choice(("1001", "Moonlit Courier 3", "灯台の猫")),
        "api_app_id": "A0FRONTDESK",
        "response_url": f"https://hooks.example.com/commands/{_some(chance, _UPPER, 12)}",
        "trigger_id": trigger,
    }
    body = form_body(fields)
    return Event(hash_id(body), command, body, FORM)


def twilio(chance: random.Random, number: int) -> Event:
    """A form in most cases; once in six JSON, whose hash is in the URL."""
    kind = chance.randrange(6)
    account = "AC" + _some(chance, _HEX, 32)
    token = new_uuid(chance)
    headers = {"I-Twilio-Idempotency-Token": token}
    if kind == 0:
        document = {
            "EventType": "onMessageAdded",
            "AccountSid": account,
            "ConversationSid": "CH" + _some(chance, _HEX, 32),
            "MessageSid": "IM" + _some(chance, _HEX, 32),
            "Author": _phone(chance),
            "Body": chance.choice(_TEXTS),
            "Index": chance.randrange(40),
        }
        return Event(token, "onMessageAdded", json_body(document), headers=headers, hash_in_url=True)
    fields, event_type = _call(chance) if kind == 1 else _text_message(chance, incoming=kind < 4)
    body = form_body({"AccountSid": account, "ApiVersion": "2010-04-01"} | fields)
    return Event(token, event_type, body, FORM, headers)


def _call(chance: random.Random) -> tuple[dict[str, str], str]:
    status = chance.choice(("ringing", "completed", "no-answer"))
    caller, sid = _phone(chance), "CA" + _some(chance, _HEX, 32)
    ends = {"From": caller, "Caller": caller, "To": "+15005550006", "Called": "+15005550006"}
    duration = {"CallDuration": str(chance.randrange(5, 900))} if status == "completed" else {}
    return {"CallSid": sid, "CallStatus": status, "Direction": "inbound", **ends, **duration}, status


def _text_message(chance: random.Random, *, incoming: bool) -> tuple[dict[str, str], str]:
    sid, person = "SM" + _some(chance, _HEX, 32), _phone(chance)
    if incoming:
        sent = {"From": person, "To": "+15005550006", "Body": chance.choice(_TEXTS)}
        return {"MessageSid": sid, "SmsSid": sid, "SmsStatus": "received", "NumMedia": "0", **sent}, "received"
    status = chance.choice(("sent", "delivered", "undelivered"))
    fields = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status}
    error = {"ErrorCode": "30005"} if status == "undelivered" else {}
    return fields | {"From": "+15005550006", "To": person} | error, status


def meta(chance: random.Random, number: int) -> Event:
    """A message to the shop's page or its WhatsApp number; message ids make every body another one."""
    kind = chance.choice(("page", "whatsapp_business_account"))
    milliseconds = int(time.time() * 1000)
    entry = _page_entry(chance, milliseconds) if kind == "page" else _whatsapp_entry(chance, milliseconds // 1000)
    body = json_body({"object": kind, "entry": [entry]})
    return Event(hash_id(body), kind, body)


def _page_entry(chance: random.Random, milliseconds: int) -> dict[str, Any]:
    page = "104857600042"
    message = {"mid": f"m_{_some(chance, string.ascii_letters + string.digits, 48)}", "text": chance.choice(_TEXTS)}
    messaging = {
        "sender": {"id": str(chance.randrange(10**15, 10**16))},
        "recipient": {"id": page},
        "timestamp": milliseconds,
        "message": message,
    }
    return {"id": page, "time": milliseconds, "messaging": [messaging]}


def _whatsapp_entry(chance: random.Random, second: int) -> dict[str, Any]:
    person, name = _phone(chance)[1:], chance.choice(("Aiko", "Íñigo", "美咲", "Ngọc"))
    common = {"id": f"wamid.{_some(chance, string.ascii_letters + string.digits, 40)}", "timestamp": str(second)}
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15005550006", "phone_number_id": "104857600093"},
    }
    if chance.random() < 0.6:
        text = {"from": person, "type": "text", "text": {"body": chance.choice(_TEXTS)}}
        value |= {"contacts": [{"profile": {"name": name}, "wa_id": person}], "messages": [common | text]}
    else:
        status = chance.choice(("sent", "delivered", "read"))
        value |= {"statuses": [common | {"status": status, "recipient_id": person}]}
    return {"id": "104857600077", "changes": [{"value": value, "field": "messages"}]}


def _some(chance: random.Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(alphabet, k=length))


def _phone(chance: random.Random) -> str:
    """A number of the range that is kept for fiction."""
    return f"+1202555{chance.randrange(100, 200):04d}"
