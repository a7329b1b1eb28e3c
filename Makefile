.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := emulator localnet functions layers/common/order_engine client/order_engine_client client/order_engine_cli

# Packages come through a TLS proxy if the system trusts it. UV_SYSTEM_CERTS=0 trusts uv's own certificates only.
export UV_SYSTEM_CERTS ?= 1
# A file that could not be written to its end is none.
.DELETE_ON_ERROR:

# The data folder of the engine on this machine.
DATA ?= $(or $(ORDERS_DATA),.local)
# URLs of your own Postgres and Redis. By default make run starts embedded ones.
DATABASE_URL ?=
REDIS_URL ?=
# Where make run executes orders: on a localnet that it starts, on the cluster of the node at SOLANA_RPC_URL, or in the
# simulated market.
MARKET ?= $(if $(SOLANA_RPC_URL),cluster,localnet)
# URLs of nodes, separated by commas. They may contain API keys, so the commands read them from the environment.
export SOLANA_RPC_URL ?=
# The key file of the wallet that pays, in the format of solana-keygen. For the localnet it is made once; without it, an
# engine on a cluster takes only orders that clients have signed.
WALLET ?=
# YES=1 does not ask before make run trades with real money.
YES ?=
LOCALNET_PORT ?= 8899
# The address to listen on. Who reaches the ports is trusted: another one is for a container with published ports.
LISTEN ?= 127.0.0.1
# A folder with the DEXs' real programs, which the localnet runs in place of its stand-ins.
PROGRAMS ?=
# How long the simulated venues take: realistic (seconds, as on chain) or instant.
LATENCY ?= realistic
# Pages of these origins may open WebSocket connections, besides the REST API's own: its other name, and make sam-local.
ORIGINS := http://localhost:3000,http://[::1]:3000,http://127.0.0.1:3003,http://localhost:3003
# For make build: the architecture, arm64 or x86_64, and the folder.
export ARCHITECTURE ?= arm64
BUILD ?= .aws-sam
# For make deploy and make smoke: dev or prod, and parameters besides those in infra/parameters, as NAME=VALUE.
ENVIRONMENT ?= dev
PARAMETERS ?=
# For make load.
ORDERS ?= 500
RATE ?= 50
VIA ?= rest
# For make bench BASE=REVISION: how often the two take turns.
ROUNDS ?= 6
# Of make test: how many processes share the tests. A target that is deployed elsewhere is one for all of them.
WORKERS ?= $(if $(TARGET)$(REST_URL),0,2)
# Further options for the command that a target runs: make run ARGS="--rest-port 3100", make test ARGS="-k slippage".
ARGS ?=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

run: $(VENV)/.run .local/development-key ## run the engine on this machine until Ctrl-C, on a localnet: MARKET=simulated
	@key=$$(cat .local/development-key) && exec env PYTHONPATH=layers/common:client $(BIN)/python -m tools.run \
	  --data "$(DATA)" --market "$(MARKET)" --host "$(LISTEN)" --localnet-port "$(LOCALNET_PORT)" \
	  $(if $(WALLET),--wallet "$(WALLET)") \
	  $(if $(PROGRAMS),--programs "$(PROGRAMS)") $(if $(filter 1,$(YES)),--yes) \
	  --parameter MarketLatency=$(LATENCY) --parameter WebhookTargets=any \
	  --parameter DevelopmentKey=$$key --parameter ShownKey=$$key --parameter "AllowedOrigins=$(ORIGINS)" \
	  $(if $(DATABASE_URL),--parameter "DatabaseUrl=$(DATABASE_URL)",--postgres DatabaseUrl) \
	  $(if $(REDIS_URL),--parameter "RedisUrl=$(REDIS_URL)",--redis RedisUrl) $(ARGS)

localnet: $(VENV)/.run ## call the localnet of make run: ARGS="fault drop --times 3", ARGS=create-pool, or ARGS="airdrop ADDRESS 10 USDC"
	@PYTHONPATH=layers/common $(BIN)/python -m localnet $(ARGS) --url http://127.0.0.1:$(LOCALNET_PORT)

market: $(VENV)/.run ## make a venue of the simulated market fail: ARGS="fault raydium submit slip --times 1", or ARGS=clear
	@url=$${DATABASE_URL:-$$($(BIN)/python -m emulator --data "$(DATA)" parameter DatabaseUrl)} && \
	  DATABASE_URL=$$url PYTHONPATH=layers/common $(BIN)/python -m order_engine.commands.market $(ARGS)

user: $(VENV)/.run ## manage clients' API keys: ARGS="create-key NAME", ARGS=list-keys, or ARGS="revoke-key ID"
	@url=$${DATABASE_URL:-$$($(BIN)/python -m emulator --data "$(DATA)" parameter DatabaseUrl)} && \
	  DATABASE_URL=$$url PYTHONPATH=layers/common $(BIN)/python -m order_engine.commands.keys $(ARGS)

pools: $(VENV)/.run ## manage the pools on Solana: ARGS="add ADDRESS", ARGS="remove ADDRESS", ARGS=list, or ARGS=discover
	@parameter() { $(BIN)/python -m emulator --data "$(DATA)" parameter $$1; } && \
	  url=$${DATABASE_URL:-$$(parameter DatabaseUrl)} && rpc=$${SOLANA_RPC_URL:-$$(parameter SolanaRpcUrl)} && \
	  cluster=$${SOLANA_CLUSTER:-$$(parameter SolanaCluster)} && \
	  DATABASE_URL=$$url SOLANA_RPC_URL=$$rpc SOLANA_CLUSTER=$$cluster PYTHONPATH=layers/common \
	  $(BIN)/python -m order_engine.commands.pools $(ARGS)

programs: $(VENV)/.run ## fetch the DEX programs' binaries for the localnet from a cluster: SOLANA_RPC_URL=https://… PROGRAMS=folder
	PYTHONPATH=layers/common $(BIN)/python -m localnet programs --into "$(or $(PROGRAMS),.local/programs)" $(ARGS)

sam-local: $(VENV)/.dev ## run the REST API in Docker by sam local, beside make run: ARGS="invoke RouteFunction --event events/route.json"
	@$(BIN)/python -m tools.sam_local --data "$(DATA)" $(or $(ARGS),start-api --port 3003)

test: $(VENV)/.dev ## run the tests in WORKERS=2 processes, end to end on both markets: ARGS="-k slippage"
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)
	$(if $(TARGET)$(REST_URL)$(ARGS),,TARGET=localnet $(BIN)/pytest tests/e2e -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS))

ministack: $(VENV)/.dev ## run the end-to-end tests on MiniStack; needs python3.13
	$(MAKE) build ARCHITECTURE=x86_64 ARGS=
	$(BIN)/python -m bench.ministack
	TARGET=ministack $(BIN)/pytest tests/e2e -rxX $(ARGS)

localstack: $(VENV)/.dev $(VENV)/samlocal/.installed ## run the end-to-end tests on LocalStack; needs Docker with compose, and python3.13
	$(MAKE) build ARCHITECTURE=x86_64 ARGS=
	TARGET=localstack $(BIN)/pytest tests/e2e -rxX $(ARGS)

check: $(VENV)/.dev $(VENV)/checkov/.installed $(VENV)/workflows/.installed ## check style, types, import rules, unused code, security, templates, containers and workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=.:layers/common:client $(BIN)/lint-imports --no-logo
	$(BIN)/vulture
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml $(SOURCES)
	SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint
	$(BIN)/cfn-lint infra/*.yaml
	CKV_SKIP_PACKAGE_UPDATE_CHECK=true $(VENV)/checkov/bin/checkov --config-file .checkov.yaml
	$(VENV)/workflows/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(VENV)/workflows/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml compose.localstack.yaml
	$(VENV)/workflows/bin/zizmor --offline --quiet .github/workflows

bench: MARKET = simulated
bench: $(VENV)/.dev ## measure latency, throughput, CPU and memory; BASE=REVISION ROUNDS=6 compares, PEERS="ministack sdks" too
ifdef BASE
	PYTHONPATH=layers/common $(BIN)/python -m bench.paired --base "$(BASE)" --market $(MARKET) --rounds $(ROUNDS) $(ARGS)
else
	PYTHONPATH=layers/common $(BIN)/python -m bench.orders $(ARGS)
	$(BIN)/python -m bench.emulator $(addprefix --peer ,$(filter-out sdks,$(PEERS)))
	PYTHONPATH=layers/common $(BIN)/python -m bench.routes
	PYTHONPATH=layers/common $(BIN)/python -m bench.account_quotes
	PYTHONPATH=layers/common $(BIN)/python -m bench.transactions
	PYTHONPATH=layers/common $(BIN)/python -m bench.$(if $(filter sdks,$(PEERS)),sdks,quotes)
endif

causes: MARKET = simulated
causes: $(VENV)/.dev ## sample what uses the CPU of an order, by cause, in the functions and in the emulator: BASE=REVISION compares
	PYTHONPATH=layers/common $(BIN)/python -m bench.causes $(if $(BASE),--base "$(BASE)") --market $(MARKET) $(ARGS)

scale: $(VENV)/.dev ## measure 10 000 orders in a row, 1 000 subscribers, a million orders in the database, 100 000 open ones: ARGS="--part table"
	PYTHONPATH=layers/common $(BIN)/python -m bench.scale $(ARGS)

cold-start: $(VENV)/.dev ## measure what importing each function costs as it is deployed; fails beyond the budget; BASE=REVISION compares
	$(BIN)/python -m bench.imports $(if $(BASE),--base "$(BASE)") $(ARGS)

faults: $(VENV)/.dev ## kill every part under 300 running orders and check them against the chain: MARKET=simulated, ARGS="--seed 2"
	PYTHONPATH=.:layers/common $(BIN)/python -m tests.faults --market $(MARKET) $(ARGS)

build: $(VENV)/.dev ## build for deployment, into .aws-sam/build: ARCHITECTURE=arm64 or x86_64; needs python3.13
	SAM_CLI_TELEMETRY=0 $(BIN)/sam build --cached --build-dir $(BUILD)/build --cache-dir $(BUILD)/cache \
	  --parameter-overrides Architecture=$(ARCHITECTURE) $(ARGS)

descriptions: $(VENV)/.dev contract/npm/node_modules ## write docs/*.json: OpenAPI, AsyncAPI and the Postman collection
	PYTHONPATH=layers/common $(BIN)/python -m contract
	node contract/npm/postman.mjs > docs/postman_collection.json.new
	mv docs/postman_collection.json.new docs/postman_collection.json

load: $(VENV)/.dev ## send ORDERS=500 at RATE=50 a second VIA=rest or websocket and watch each; prints and plots
	PYTHONPATH=client $(BIN)/python -m bench.load --orders $(ORDERS) --rate $(RATE) --via $(VIA) $(ARGS)

capacity: $(VENV)/.dev ## simulate how many orders a second the engine carries; ARGS=--measure takes new service times
	PYTHONPATH=.:layers/common:client $(BIN)/python -m bench.capacity $(ARGS)

costs: $(VENV)/.dev ## compute the cost of an order and a month on AWS from the template and bench/one_order.json; writes docs/costs.md
	$(BIN)/python -m bench.cost

deploy: $(VENV)/.dev ## deploy the build: ENVIRONMENT=dev or prod; see docs/deploy.md
	SAM_CLI_TELEMETRY=0 $(BIN)/sam deploy --config-env $(ENVIRONMENT) $(ARGS) \
	  --parameter-overrides file://infra/parameters/$(ENVIRONMENT).yaml Release=$$(date +%s) $(PARAMETERS)

smoke: $(VENV)/.dev ## run one order on a deployment: ENVIRONMENT=dev or prod
	PYTHONPATH=client $(BIN)/python -m tests.smoke --stack order-engine-$(ENVIRONMENT) $(ARGS)

screenshots: $(VENV)/.dev ## take the README's pictures of the dashboard and the console; needs Chromium
	PYTHONPATH=.:layers/common:client $(BIN)/python docs/screenshots.py

aws-cli: $(VENV)/aws-cli/.installed ## install the AWS command line, which the tests use on the emulator

lock: $(VENV)/.uv ## pin every requirement again, with hashes
	cd requirements && for file in dev run uv aws-cli samlocal checkov workflows; do \
	  ../$(BIN)/uv pip compile $(COMPILE) $$(case $$file in run|uv) echo -c dev.txt; esac) $$file.in -o $$file.txt $(ARGS) || exit 1; done
	cd requirements && ../$(BIN)/uv pip compile --quiet --python-version 3.13 --generate-hashes --no-emit-index-url --no-header \
	  ministack.in -o ministack.txt $(ARGS)
	for folder in layers/common functions/migrate; do (cd $$folder && \
	  ../../$(BIN)/uv pip compile $(COMPILE) -c ../../requirements/dev.txt requirements.in -o requirements.txt $(ARGS)) || exit 1; done

.local/development-key: | $(VENV)/.run
	@mkdir -p .local
	@umask 077 && PYTHONPATH=layers/common $(BIN)/python -c \
	  'from order_engine.domain.access import KEY_PREFIX, new_secret; print(new_secret(KEY_PREFIX))' > $@.new
	@mv $@.new $@

emulator/console/static/dagre.js: emulator/console/npm/package-lock.json
	npm ci --silent --prefix emulator/console/npm
	cd emulator/console/npm/node_modules/@dagrejs/dagre/dist && \
	  { cat dagre.esm.js.LEGAL.txt; grep -v -e '^/\*! For license' -e '^//# sourceMappingURL' dagre.esm.js; } > "$(CURDIR)/$@.new"
	mv $@.new $@

functions/dashboard/page/uplot.js: functions/dashboard/npm/package-lock.json
	npm ci --silent --prefix functions/dashboard/npm
	cd functions/dashboard/npm/node_modules/uplot && cp dist/uPlot.min.css "$(CURDIR)/$(@:.js=.css)" && \
	  { echo '/*!'; cat LICENSE; echo '*/'; cat dist/uPlot.iife.min.js; echo 'export default uPlot;'; } > "$(CURDIR)/$@.new"
	mv $@.new $@
	rm -r functions/dashboard/npm/node_modules

# The bundle's logo would come from its maker's servers.
functions/describe/page/redoc.js: functions/describe/npm/package-lock.json
	npm ci --silent --legacy-peer-deps --prefix functions/describe/npm
	sed -E 's#https://cdn\.redoc\.ly/redoc/logo-mini(-full)?\.svg#data:,#g' \
	  functions/describe/npm/node_modules/redoc/bundles/redoc.standalone.js > $@.new
	mv $@.new $@
	rm -r functions/describe/npm/node_modules

contract/npm/node_modules: contract/npm/package-lock.json
	npm ci --silent --prefix contract/npm
	@touch $@

clean: ## remove the data, logs, builds and virtual environments
	rm -rf .local $(VENV) .aws-sam

COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

# Each stamp is removed before its packages change and made again when they are complete.
$(VENV)/.uv: requirements/uv.txt
	@rm -f $@
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or later, was " + sys.version.split()[0] + "; name another with PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.run: $(VENV)/.uv requirements/run.txt
	@rm -f $@
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.uv requirements/dev.txt
	@rm -f $@ $(VENV)/.run
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@ $(VENV)/.run

# These need environments of their own: the AWS command line pins botocore, checkov and the others pin much else, and
# samlocal changes the SAM CLI beside it.
$(VENV)/aws-cli/.installed $(VENV)/checkov/.installed $(VENV)/samlocal/.installed \
$(VENV)/workflows/.installed: $(VENV)/%/.installed: $(VENV)/.uv requirements/%.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python --require-hashes -r requirements/$*.txt
	@touch $@

.PHONY: help run localnet market user pools programs sam-local build deploy smoke costs causes scale cold-start descriptions test ministack localstack check bench load \
  capacity screenshots faults aws-cli lock clean
