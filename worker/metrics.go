package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// metrics serves the Temporal SDK's metrics for Prometheus, with /healthz beside them.
// https://docs.temporal.io/references/sdk-metrics
func metrics(address string) (handler client.MetricsHandler, serve func() error, err error) {
	exporter, err := prometheus.New()
	if err != nil {
		return nil, nil, fmt.Errorf("set up metrics: %w", err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("metrics cannot be served on %s: %w; change worker.metrics_address or EPOXY_METRICS_ADDRESS", address, err)
	}
	meter := metric.NewMeterProvider(metric.WithReader(exporter)).Meter("epoxy")
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.Handler())
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{Meter: meter}), func() error { return server.Serve(listener) }, nil
}
