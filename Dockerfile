# Serves MCP over stdio; over HTTP with: docker run -p 8300:8300 -e IMAGEROUTER_MCP_TOKEN=… IMAGE http --host 0.0.0.0
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir --quiet uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project
COPY README.md LICENSE ./
COPY server ./server
RUN uv sync --locked --no-dev --no-editable

FROM python:3.12-slim
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
