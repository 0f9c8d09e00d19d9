"""The grid proxy that CMS services ask for."""

import os
import ssl
import subprocess
import time

from skimflow.errors import InputError

RENEW = "run: voms-proxy-init --voms cms --valid 192:00"


def check_proxy() -> None:
    """See that there is a proxy and that it has not expired, before a service refuses it in less clear words.

    Raises:
        InputError: there is none, it cannot be read, or it has expired.
    """
    path = os.environ.get("X509_USER_PROXY") or f"/tmp/x509up_u{os.getuid()}"
    if not os.path.isfile(path):
        raise InputError("authentication", f"{path}: there is no grid proxy; {RENEW}")
    expires = _expires(path)
    if expires is not None and expires <= time.time():
        ended = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(expires))
        raise InputError("authentication", f"{path}: the grid proxy expired at {ended}; {RENEW}")


def _expires(path: str) -> float | None:
    """End of validity of the first certificate, which is the proxy's own, in seconds since 1970.

    None without openssl: then the service has the last word.
    """
    command = ["openssl", "x509", "-in", path, "-noout", "-enddate"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    if answer.returncode != 0:
        raise InputError("authentication", f"{path}: holds no certificate that openssl can read; {RENEW}")
    return ssl.cert_time_to_seconds(answer.stdout.strip().removeprefix("notAfter="))
