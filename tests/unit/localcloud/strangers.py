"""What other sites' pages send to the local cloud, as headers: what they cannot forge gives them away."""

STRANGERS = (
    {"Origin": "https://shop.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Host": "shop.example"},
    {"Host": "127.0.0.1.shop.example:8000"},
    {"Host": "localhost.example", "Origin": "http://localhost.example"},
    {"Host": "0.0.0.0:8000"},
)
