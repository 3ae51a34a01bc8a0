# loss-watch in a container: not root, a read-only root file system if you like, logs mounted read-only, state in a volume.
#
#   docker build -t loss-watch .
#   docker run --rm --read-only -p 127.0.0.1:10311:10311 -v "$PWD/logs:/logs:ro" -v loss-watch-state:/state \
#       loss-watch /logs --rules /logs/milestones.yaml
#
# The logs must be readable for uid 10311, or run it as their owner: --user "$(id -u):$(id -g)" and -v "$HOME/.local/state:/state".

FROM python:3.12-slim AS build
# What is added to the command: --build-arg EXTRAS=[charts,apprise,fast]
ARG EXTRAS=""
WORKDIR /src
RUN python -m venv /venv
COPY requirements/dev.txt requirements/dev.txt
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY monitor monitor
COPY rules rules
RUN /venv/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /venv/bin/pip install --no-cache-dir --constraint requirements/dev.txt "$(echo /wheels/loss_watch-*.whl)${EXTRAS}" \
    && /venv/bin/pip uninstall --yes -qq setuptools pip \
    && rm -rf /venv/lib/python3*/site-packages/numpy/tests /venv/lib/python3*/site-packages/numpy/*/tests \
    && mkdir -m 0700 /state && mkdir /logs

FROM python:3.12-slim
COPY --from=build /venv /venv
COPY --from=build --chown=10311:10311 /state /state
COPY --from=build /logs /logs
# Python must not write beside its modules, a container's port is not reached on its loopback, and the state belongs to the volume.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/state \
    XDG_STATE_HOME=/state \
    LOSSWATCH_LISTEN=0.0.0.0:10311
USER 10311:10311
VOLUME /state
WORKDIR /logs
EXPOSE 10311
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['LOSSWATCH_LISTEN'].rpartition(':')[2] + '/healthz', timeout=4)"]
ENTRYPOINT ["loss-watch"]
CMD ["/logs"]
