# Serves MCP over stdio; over HTTP with: docker run -p 8300:8300 -e IMAGEROUTER_MCP_TOKEN=… IMAGE http --host 0.0.0.0
ARG PYTHON=python:3.12-slim

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements-team.txt requirements-build.txt ./
RUN python -m venv /build && /build/bin/pip install --quiet --require-hashes --requirement requirements-build.txt
RUN python -m venv --without-pip .venv \
    && /build/bin/pip --python .venv install --quiet --require-hashes --requirement requirements-team.txt
COPY pyproject.toml README.md LICENSE ./
COPY server ./server
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /build/bin/pip --python .venv install --quiet --no-deps /wheels/*.whl

FROM ${PYTHON}
RUN useradd --create-home --uid 10001 imagerouter \
    && install --directory --owner imagerouter /pictures /data
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    IMAGEROUTER_OUTPUT_DIR=/pictures \
    IMAGEROUTER_DATA_DIR=/data
USER 10001
WORKDIR /home/imagerouter
VOLUME ["/pictures", "/data"]
EXPOSE 8300
# Over stdio the host watches the process itself, and there is no address to ask.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["sh", "-c", "\
! grep -qazx http /proc/1/cmdline || \
python -c 'import urllib.request as r; r.urlopen(\"http://127.0.0.1:8300/health\", timeout=4)'"]
ENTRYPOINT ["imagerouter-mcp"]
