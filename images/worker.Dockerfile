# syntax=docker/dockerfile:1.7
# Ray's head and workers: the engine, its codecs, the safeguards' models. One file, two variants.
#   docker build -f images/worker.Dockerfile -t telecine-worker:0.1.0-cpu .
#   docker build -f images/worker.Dockerfile -t telecine-worker:0.1.0-cuda --build-arg VARIANT=cuda .
# The versions are constraints.txt's in both; the variant only says which build of torch is taken.
# PyTorch's own index has a CPU build without gigabytes of CUDA; the package index has the CUDA one.
ARG PYTHON=docker.io/library/python:3.11.14-slim-bookworm
ARG VARIANT=cpu

FROM ${PYTHON} AS build
ARG VARIANT
# Where the CPU build of torch is; empty: the package index, whose build has CUDA.
ARG TORCH_INDEX_URL=""
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
# DeepSpeed is a source distribution; its operators are compiled when used, or never (DS_BUILD_OPS=0).
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc g++ libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/telecine
WORKDIR /src
COPY constraints.txt ./
RUN case "${VARIANT}" in cpu|cuda) ;; *) echo "VARIANT is cpu or cuda, not ${VARIANT}" >&2; exit 2 ;; esac \
    && torch="$(grep -E '^torch==' constraints.txt)" \
    && if [ "${VARIANT}" = cpu ] && [ -n "${TORCH_INDEX_URL}" ]; then \
        /opt/telecine/bin/pip install --index-url "${TORCH_INDEX_URL}" "${torch}"; \
    else \
        /opt/telecine/bin/pip install -c constraints.txt "${torch}"; \
    fi
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY platform platform
COPY serve serve
COPY safeguards safeguards
RUN DS_BUILD_OPS=0 /opt/telecine/bin/pip install -c constraints.txt ".[worker]"
# What is in it, as CycloneDX. The tool stays in this stage.
RUN python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install "cyclonedx-bom==7.5.0" \
    && /opt/sbom/bin/cyclonedx-py environment /opt/telecine/bin/python --output-format JSON \
        --output-file /opt/telecine/sbom.cdx.json

FROM ${PYTHON} AS worker
ARG VARIANT
LABEL org.opencontainers.image.title="telecine-worker" \
    org.opencontainers.image.licenses="Apache-2.0" \
    telecine.variant="${VARIANT}"
# KubeRay starts Ray by bash; its init container and Ray's own scripts call wget and ps.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bash procps wget libgl1 libglib2.0-0 libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 telecine \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /bin/bash telecine \
    && install -d -o 10001 -g 10001 /var/lib/telecine /var/cache/telecine/models
COPY --from=build /opt/telecine /opt/telecine
ENV PATH=/opt/telecine/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    HF_HUB_OFFLINE=1 RAY_USAGE_STATS_ENABLED=0 \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    TELECINE_DATA_DIR=/var/lib/telecine
USER 10001:10001
WORKDIR /tmp
# No HEALTHCHECK: Kubernetes probes the raylet, and nothing else runs this image.
CMD ["ray", "--help"]
