# The server. It refuses to listen beyond loopback without TLS and tokens unless told so:
#   docker run -p 127.0.0.1:7420:7420 -v holdfast:/data holdfast serve --host 0.0.0.0 --insecure

FROM python:3.13-slim AS build
WORKDIR /src
COPY constraints.txt ./
RUN pip install --no-cache-dir -c constraints.txt hatchling
COPY pyproject.toml README.md LICENSE ./
COPY client/python client/python
COPY server server
COPY migrations migrations
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Holdfast" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    --mount=type=bind,source=constraints.txt,target=/constraints.txt \
    pip install --no-cache-dir -c /constraints.txt "$(echo /wheels/holdfastdb-*.whl)[server]" \
    && install -d -o 10001 -g 10001 /data
# Without a database URL the server keeps holdfast.db in its working directory.
WORKDIR /data
VOLUME /data
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 7420
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["holdfast", "health"]
ENTRYPOINT ["holdfast"]
# Not by the environment: the other commands listen nowhere.
CMD ["serve", "--host", "0.0.0.0"]
