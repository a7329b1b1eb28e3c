import sys

try:
    from client.cli import app
except ImportError as error:
    print(f"orders: the installation in {sys.prefix} is not complete ({error}); make run completes it", file=sys.stderr)
    sys.exit(4)
except KeyboardInterrupt:
    sys.exit(130)

app(prog_name="orders")
