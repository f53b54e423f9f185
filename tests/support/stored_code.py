"""What older versions stored by value: a function with its bytecode, written by one Python and by another."""

from __future__ import annotations

import base64
import sys

#: By the Python that wrote it: ``lambda order: isinstance(order, dict) and sum(order["cents"]) > 100``, as a function.
_DEAR = {
    (3, 11): (
        "gAWVOAIAAAAAAACMF2Nsb3VkcGlja2xlLmNsb3VkcGlja2xllIwOX21ha2VfZnVuY3Rpb26Uk5QoaACMDV9idWlsdGluX3R5cGWU"
        "k5SMCENvZGVUeXBllIWUUpQoSwFLAEsASwFLBEsDQ16XAHQBAAAAAAAAAAAAAHwAdAIAAAAAAAAAAAAApgIAAKsCAAAAAAAAAABv"
        "GHQFAAAAAAAAAAAAAHwAZAEZAAAAAAAAAAAApgEAAKsBAAAAAAAAAABkAmsEAAAAAFMAlE6MBWNlbnRzlEtkh5SMCmlzaW5zdGFu"
        "Y2WUjARkaWN0lIwDc3VtlIeUjAVvcmRlcpSFlIwOPGR5bmFtaWMtY29kZT6UjARkZWFylIwEZGVhcpRLAkMogADdCxWQZZ1U0Qsi"
        "1Asi0AtApXOoNbAXrD7RJzrUJzq4U9InQNAEQJRDAJQpKXSUUpR9lIwIX19uYW1lX1+UjAhfX21haW5fX5RzTk5OdJRSlGgAjBJf"
        "ZnVuY3Rpb25fc2V0c3RhdGWUk5RoHH2UfZQoaBmMBGRlYXKUjAxfX3F1YWxuYW1lX1+UjARkZWFylIwPX19hbm5vdGF0aW9uc19f"
        "lH2UjA5fX2t3ZGVmYXVsdHNfX5ROjAxfX2RlZmF1bHRzX1+UTowKX19tb2R1bGVfX5RoGowHX19kb2NfX5ROjAtfX2Nsb3N1cmVf"
        "X5ROjBdfY2xvdWRwaWNrbGVfc3VibW9kdWxlc5RdlIwLX19nbG9iYWxzX1+UfZR1hpSGUjAu"
    ),
    (3, 13): (
        "gAWVJgIAAAAAAACMF2Nsb3VkcGlja2xlLmNsb3VkcGlja2xllIwOX21ha2VfZnVuY3Rpb26Uk5QoaACMDV9idWlsdGluX3R5cGWU"
        "k5SMCENvZGVUeXBllIWUUpQoSwFLAEsASwFLBEsDQ1KVAFsBAAAAAAAAAABVAFsCAAAAAAAAAAA1AgAAAAAAAD0BKAAAAAAAAABh"
        "EQAAIABbBQAAAAAAAAAAVQBTAQUAAAA1AQAAAAAAAFMCOoQAACQAlE6MBWNlbnRzlEtkh5SMCmlzaW5zdGFuY2WUjARkaWN0lIwD"
        "c3VtlIeUjAVvcmRlcpSFlIwOPGR5bmFtaWMtY29kZT6UjARkZWFylIwEZGVhcpRLAkMigADcCxWQZZxU0wsi1wtApHOoNbAXqT7T"
        "Jzq4U9EnQNAEQJRDAJQpKXSUUpR9lIwIX19uYW1lX1+UjAhfX21haW5fX5RzTk5OdJRSlGgAjBJfZnVuY3Rpb25fc2V0c3RhdGWU"
        "k5RoHH2UfZQoaBmMBGRlYXKUjAxfX3F1YWxuYW1lX1+UjARkZWFylIwPX19hbm5vdGF0aW9uc19flH2UjA5fX2t3ZGVmYXVsdHNf"
        "X5ROjAxfX2RlZmF1bHRzX1+UTowKX19tb2R1bGVfX5RoGowHX19kb2NfX5ROjAtfX2Nsb3N1cmVfX5ROjBdfY2xvdWRwaWNrbGVf"
        "c3VibW9kdWxlc5RdlIwLX19nbG9iYWxzX1+UfZR1hpSGUjAu"
    ),
}
#: The function as a Python wrote it that is not this one.
FOREIGN = base64.b64decode(next(text for version, text in _DEAR.items() if version != sys.version_info[:2]))
