# The gateway alone. Build: docker build -t caregraph . — run: docker run -v ./caregraph.toml:/etc/caregraph.toml -p 8400:8400 caregraph
FROM python:3.11-slim-bookworm AS built
ENV UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-install-project --no-editable
COPY gateway ./gateway
COPY resolvers ./resolvers
COPY policies ./policies
COPY sources ./sources
COPY sandbox ./sandbox
RUN uv sync --frozen --no-editable

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home caregraph
COPY --from=built /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 CAREGRAPH_SERVER_HOST=0.0.0.0
USER caregraph
EXPOSE 8400
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8400/health/live', timeout=2)"]
ENTRYPOINT ["caregraph"]
CMD ["serve", "--config", "/etc/caregraph.toml"]
