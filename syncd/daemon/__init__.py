"""The edge half: what decides when to sync, keeps it running, and starts and stops in order (asyncio)."""
