# Linux for machines with macOS or Windows: make run and make test work inside. docs/container.md says how to use it.
# Debian 13 with Lambda's Python. The digest names the image, the tag is for people.
FROM python:3.13.12-slim-trixie@sha256:f1927c75e81efd1e091dbd64b6c0ecaa5630b38635a3d1c04034ac636e1f94c8 AS run

RUN apt-get update \
 && apt-get install --yes --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 engine \
 && install --directory --owner engine --group engine /engine /engine/.local

USER engine
WORKDIR /engine
# The packages first: they change less often than the rest.
COPY --chown=engine:engine Makefile ./
COPY --chown=engine:engine requirements requirements
RUN make .venv/.run
COPY --chown=engine:engine . .

HEALTHCHECK --start-period=60s --timeout=5s \
  CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:3000/health')"]
CMD ["make", "run"]


# Debian's npm is too old for the locks.
FROM node:24.13.0-trixie-slim@sha256:a16979bcaf12a2fd24888eb8e89874b11bd1038a3e3f1881c26a5e2b8fb92b5c AS node


FROM run AS dev

USER root
# Chromium for the pages' tests, Node for other people's clients, Git for what compares revisions.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends chromium git \
 && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm

USER engine
RUN make .venv/.dev && npm ci --prefix tests/npm && npm ci --prefix contract/npm

HEALTHCHECK NONE
CMD ["make", "test"]
