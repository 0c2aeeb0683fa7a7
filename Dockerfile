# syntax=docker/dockerfile:1
# The portal: web, workers and beat are this one image with different commands (docker-compose.yml).
#
#   docker build -t slipway .
#   docker build -t slipway-sandbox --target sandbox .
#
# Base images come from your own registry if you say so: --build-arg PYTHON_IMAGE=registry.example.com/python:3.12-slim
ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG NODE_IMAGE=node:24-bookworm-slim
ARG TERRAFORM_IMAGE=hashicorp/terraform:1.11.4

# -- Terraform with the real provider, so that a run downloads nothing ------------------------------
FROM ${TERRAFORM_IMAGE} AS terraform
COPY terraform/modules/model_endpoint /opt/slipway/module
WORKDIR /opt/slipway/module
RUN terraform providers mirror -platform=linux_amd64 /opt/slipway/mirror \
    && terraform providers lock -fs-mirror=/opt/slipway/mirror -platform=linux_amd64 \
    && mkdir /opt/slipway/terraform && mv .terraform.lock.hcl /opt/slipway/terraform/official.terraform.lock.hcl
COPY docker/terraformrc docker/install.json /opt/slipway/terraform/

# -- the front end's packages, from the npm lockfile ----------------------------------------------
FROM ${NODE_IMAGE} AS npm
WORKDIR /build
COPY package.json package-lock.json ./
# The stamp tells static/build.py that these are the lockfile's packages.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
    && sha256sum package-lock.json | cut -c 1-64 | tr -d '\n' > node_modules/.slipway-lock

# -- Python packages, each with a hash of the lock --------------------------------------------------
FROM ${PYTHON_IMAGE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/portal.txt /tmp/portal.txt
RUN /opt/venv/bin/pip install --require-hashes --no-deps -r /tmp/portal.txt

FROM packages AS sandbox-packages
COPY requirements/demo.txt /tmp/demo.txt
RUN /opt/venv/bin/pip install --require-hashes --no-deps -r /tmp/demo.txt

# -- static files: copied from the packages, compressed, with hashed names --------------------------
FROM packages AS static
WORKDIR /app
COPY . .
COPY --from=npm /build/node_modules node_modules
RUN /opt/venv/bin/python static/build.py \
    && SECRET_KEY=build STATE_KEYS=build VAR_DIR=/tmp/var STATIC_ROOT=/app/staticfiles \
       /opt/venv/bin/python manage.py collectstatic --noinput

# -- a workspace to try things on: never for production ---------------------------------------------
FROM ${PYTHON_IMAGE} AS sandbox
RUN useradd --uid 10001 --create-home slipway && install -d -o slipway -g slipway -m 0700 /var/lib/slipway
COPY --from=sandbox-packages /opt/venv /opt/venv
WORKDIR /app
COPY sandbox sandbox
COPY serving serving
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VAR_DIR=/var/lib/slipway
USER 10001
CMD ["python", "-m", "sandbox"]

# -- the portal ---------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS portal
RUN useradd --uid 10001 --create-home slipway && install -d -o slipway -g slipway -m 0700 /var/lib/slipway
COPY --from=terraform /bin/terraform /usr/local/bin/terraform
COPY --from=terraform /opt/slipway /opt/slipway
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
COPY --from=static /app/staticfiles /app/staticfiles
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    VAR_DIR=/var/lib/slipway STATIC_ROOT=/app/staticfiles TERRAFORM_HOME=/opt/slipway/terraform \
    GRANIAN_HOST=0.0.0.0 GRANIAN_PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "16", "--no-ws", "--log-level", "warning", "portal.wsgi:application"]
