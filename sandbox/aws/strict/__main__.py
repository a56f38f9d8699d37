"""Starts the server: `python -m strict --host 127.0.0.1 --port N`."""

import argparse
import os
import signal
import sys


def arguments(argv):
    parser = argparse.ArgumentParser(prog="strict", description="The AWS of the sandbox: moto made strict.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free port")
    parser.add_argument("--verbose", action="store_true", help="print one line per request")
    parser.add_argument(
        "--plain",
        action="store_true",
        default=os.environ.get("EPOXY_PLAIN_MOTO") == "1",
        help="no strictness (EPOXY_PLAIN_MOTO=1): only to prove that the tests of the patches fail without them",
    )
    return parser.parse_args(argv)


def main(argv=None):
    args = arguments(argv)
    # Imported late: --help must not wait for moto.
    from strict import server

    try:
        running = server.build(args.host, args.port, plain=args.plain, verbose=args.verbose)
    except (OSError, RuntimeError) as problem:
        print(f"strict: cannot serve on {args.host}:{args.port}: {problem}", file=sys.stderr, flush=True)
        return 1

    def stop(_signal, _frame):
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    mode = "plain moto" if args.plain else "strict moto"
    print(f"{mode} ready on http://{args.host}:{running.server_address[1]}", flush=True)
    try:
        running.serve_forever()
    finally:
        running.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
