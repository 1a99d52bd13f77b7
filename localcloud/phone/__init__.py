"""The phone: plays Lex for the deployed codehook, from the bot that would be deployed.

``dialogue`` decides what Lex does and is pure but for the function it calls. ``definition`` reads the bot;
``matching``, ``values`` and ``understanding`` stand for Lex's model; ``events`` is what Lex sends, ``responses`` what
it takes. Around them are ``command`` (``python -m localcloud call``), ``script`` and ``page`` (``/phone``).
"""
