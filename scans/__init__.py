"""The supply chain: what goes in (advisories), what must not (secrets), and what comes out of it (templates)."""
