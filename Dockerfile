# syntax=docker/dockerfile:1

# Static binaries on nothing but CA certificates, as a user without rights. Two targets:
#   docker build --target worker -t epoxy-worker .
#   docker build --target epoxy -t epoxy .

FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY activities activities
COPY internal internal
COPY starter starter
COPY worker worker
COPY workflows workflows
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build \
    GOCACHE=/go/build CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    sh -euc 'go build -trimpath -ldflags "-s -w" -o /out/epoxy-worker ./worker && go build -trimpath -ldflags "-s -w" -o /out/epoxy ./starter'

FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# The number rather than a name: Kubernetes' runAsNonRoot can check it.
USER 65532:65532
WORKDIR /etc/epoxy
ENV EPOXY_CONFIG=/etc/epoxy/epoxy.yaml

FROM base AS epoxy
COPY --from=build /out/epoxy /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/epoxy"]

# SIGTERM lets running activities end; give it 35 seconds (docker stop --timeout 40, terminationGracePeriodSeconds: 40).
FROM base AS worker
COPY --from=build /out/epoxy-worker /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/epoxy-worker"]
