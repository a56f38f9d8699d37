package slack

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	ticketLasts = 30 * time.Second
	pingEvery   = 10 * time.Second
	maxAck      = 20 << 10 // Slack drops larger ones without a word
	maxSockets  = 10
)

// hub knows the connections of Socket Mode. https://docs.slack.dev/apis/events-api/using-socket-mode
type hub struct {
	mu      sync.Mutex
	tickets map[string]time.Time // until when
	open    []*socket
	turn    int
}

func newHub() *hub { return &hub{tickets: map[string]time.Time{}} }

// openConnection hands out an address for one connection. https://docs.slack.dev/reference/methods/apps.connections.open
func (s *Server) openConnection(r *http.Request, _ args) (reply, error) {
	if r.Method != http.MethodPost {
		return nil, refuse("insecure_request")
	}
	h := s.sockets
	h.mu.Lock()
	defer h.mu.Unlock()
	ticket := random(16)
	h.tickets[ticket] = s.now().Add(ticketLasts)
	return reply{"url": "ws://" + r.Host + "/link/" + ticket + "?app_id=" + appID}, nil
}

func (h *hub) redeem(ticket string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	until, ok := h.tickets[ticket]
	delete(h.tickets, ticket)
	return ok && now.Before(until) && len(h.open) < maxSockets
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !s.sockets.redeem(r.PathValue("ticket"), s.now()) {
		http.Error(w, "this address was used, or is too old, or there are ten connections", http.StatusForbidden)
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // the ticket is what counts
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // answered
	}
	c := &socket{conn: conn, waiting: map[string]chan json.RawMessage{}, gone: make(chan struct{})}
	n := s.sockets.add(c)
	defer s.sockets.drop(c)
	if c.write(reply{
		"type": "hello", "num_connections": n, "connection_info": reply{"app_id": appID},
		"debug_info": reply{"host": r.Host, "build_number": 1, "approximate_connection_time": 18060},
	}) == nil {
		go c.ping()
		c.read()
	}
}

func (h *hub) add(c *socket) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = append(h.open, c)
	return len(h.open)
}

func (h *hub) drop(c *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, open := range h.open {
		if open == c {
			h.open = append(h.open[:i:i], h.open[i+1:]...)
		}
	}
	close(c.gone)
	_ = c.conn.Close()
}

// pick takes the connections in turn; with several, Slack may choose any. Nil: there is none.
func (h *hub) pick() *socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.open) == 0 {
		return nil
	}
	h.turn++
	return h.open[h.turn%len(h.open)]
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.open)
}

// disconnect asks all clients to connect anew, as Slack does every few hours. With warning the connection stays for a while.
func (h *hub) disconnect(reason string) {
	h.mu.Lock()
	open := append([]*socket{}, h.open...)
	h.mu.Unlock()
	for _, c := range open {
		_ = c.write(reply{"type": "disconnect", "reason": reason, "debug_info": reply{"host": "sandbox"}})
		if reason != "warning" {
			_ = c.conn.Close()
		}
	}
}

// socket is one connection.
type socket struct {
	conn *websocket.Conn
	gone chan struct{}

	mu      sync.Mutex // of writes, and of:
	waiting map[string]chan json.RawMessage
}

func (c *socket) write(message any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn.WriteJSON(message)
}

// ping: clients take a silent connection for a dead one.
func (c *socket) ping() {
	every := time.NewTicker(pingEvery)
	defer every.Stop()
	for {
		// Control messages may be written beside others.
		if c.conn.WriteControl(websocket.PingMessage, []byte("Ping from applink"), time.Now().Add(time.Second)) != nil {
			return
		}
		select {
		case <-every.C:
		case <-c.gone:
			return
		}
	}
}

// read takes acknowledgements until the connection ends.
func (c *socket) read() {
	for {
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		var ack struct {
			EnvelopeID string          `json:"envelope_id"`
			Payload    json.RawMessage `json:"payload"`
		}
		if len(data) > maxAck || json.Unmarshal(data, &ack) != nil {
			continue
		}
		c.mu.Lock()
		if waits, ok := c.waiting[ack.EnvelopeID]; ok {
			delete(c.waiting, ack.EnvelopeID)
			waits <- ack.Payload
		}
		c.mu.Unlock()
	}
}

// ask sends an envelope and waits for its acknowledgement.
func (c *socket) ask(ctx context.Context, payload json.RawMessage) (body, problem string) {
	id, ack := random(16), make(chan json.RawMessage, 1)
	c.mu.Lock()
	c.waiting[id] = ack
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	if err := c.write(reply{"envelope_id": id, "type": "interactive", "accepts_response_payload": true, "payload": payload}); err != nil {
		return "", "dispatch_failed: " + err.Error()
	}
	select {
	case answer := <-ack:
		return string(answer), ""
	case <-c.gone:
		return "", "dispatch_failed: the client went away"
	case <-ctx.Done():
		return "", "operation_timeout: the envelope was not acknowledged within three seconds"
	}
}
