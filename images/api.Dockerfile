# syntax=docker/dockerfile:1.7
# The API, the migrations, the chart's test pod and its load tests. No torch, no Ray, no compiler in it.
#   docker build -f images/api.Dockerfile -t telecine-api:0.1.0 .
# The base is given by digest in a release: --build-arg PYTHON=docker.io/library/python@sha256:...
ARG PYTHON=docker.io/library/python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/telecine
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE NOTICE ./
COPY platform platform
COPY serve serve
COPY safeguards safeguards
RUN /opt/telecine/bin/pip install --only-binary=:all: --no-binary=telecine -c constraints.txt .
# What is in it, as CycloneDX. The tool stays in this stage.
RUN python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install "cyclonedx-bom==7.5.0" \
    && /opt/sbom/bin/cyclonedx-py environment /opt/telecine/bin/python --output-format JSON \
        --output-file /opt/telecine/sbom.cdx.json

FROM ${PYTHON} AS api
LABEL org.opencontainers.image.title="telecine-api" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 telecine \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin telecine
COPY --from=build /opt/telecine /opt/telecine
# What the chart's loadTest runs.
COPY loadtests /opt/loadtests/loadtests
# The root is read-only in a pod: nothing may be compiled or kept beside the code.
ENV PATH=/opt/telecine/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    TELECINE_DATA_DIR=/var/lib/telecine
RUN install -d -o 10001 -g 10001 /var/lib/telecine
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["python", "-m", "telecine_platform.api.server"]
