"""The command `orders`."""

import sys


def main() -> None:
    try:
        from order_engine_cli.app import app
    except ImportError as error:
        reason = f"the installation in {sys.prefix} is not complete ({error})"
        print(f"orders: {reason}; make run completes it", file=sys.stderr)
        sys.exit(4)
    except KeyboardInterrupt:
        sys.exit(130)
    app(prog_name="orders")


if __name__ == "__main__":
    main()
