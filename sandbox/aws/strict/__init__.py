"""moto made strict: the AWS of the sandbox.

Plain moto is laxer than AWS: images are available at once, duplicate names pass, nothing is ever throttled or lost.
Code proven against it would break against AWS.  This package starts moto's server behind a gate that counts calls and
injects faults on demand (`gate`, `control`), and patches the services where they differ from AWS's documentation; every
patch names the page it follows.

    python -m strict --host 127.0.0.1 --port 5000
"""

MOTO_VERSION = "5.2.1"
