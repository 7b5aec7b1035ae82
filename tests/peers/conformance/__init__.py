"""Plays the plans of the OpenID Foundation's conformance suite for OpenID Providers, module by module, against
the deployment that `docs/conformance.md` describes.

| file            | what                                                                     |
|-----------------|--------------------------------------------------------------------------|
| `deployment.py` | starts `deploy/conformance/start.py`, and talks to it                    |
| `party.py`      | the client: its web server, its keys, its requests                       |
| `checks.py`     | what has to hold of every answer, warnings of the suite included         |
| `plans.py`      | which modules a plan has, with which variants                            |
| `core.py`, `dynamic.py`, `logout.py` | the modules                                         |
"""
