package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const patience = 120 * time.Second

// What a target is asked: one request, its bytes made once, so that asking costs the load a write and a parse.
type target struct {
	address string
	request []byte
}

func newTarget(address, key, body string) (target, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return target{}, err
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n", parsed.RequestURI(), parsed.Host, key, len(body))
	return target{parsed.Host, []byte(head + body)}, nil
}

// A connection that is kept for one request after another.
type connection struct {
	net.Conn
	reader *bufio.Reader
}

func (t target) connect() (*connection, error) {
	raw, err := net.DialTimeout("tcp", t.address, patience)
	if err != nil {
		return nil, err
	}
	_ = raw.(*net.TCPConn).SetLinger(0) // no port waits after its connection: a second wave needs them
	return &connection{raw, bufio.NewReaderSize(raw, 4096)}, nil
}

func (c *connection) ask(t target) (*http.Response, error) {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(t.request); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.reader, nil)
}

// The times of many requests in milliseconds.
type times []time.Duration

func (t times) quantile(share float64) float64 {
	if len(t) == 0 {
		return 0
	}
	slices.Sort(t)
	return float64(t[min(len(t)-1, int(share*float64(len(t))))].Microseconds()) / 1000
}

// content is the text of one server-sent event's line, however the gateway spaced its JSON.
func content(line string) (string, bool) {
	data, isData := strings.CutPrefix(line, "data:")
	_, rest, found := strings.Cut(data, `"content":`)
	if !isData || !found {
		return "", false
	}
	text, opens := strings.CutPrefix(strings.TrimLeft(rest, " "), `"`)
	text, _, closes := strings.Cut(text, `"`)
	return text, opens && closes && text != ""
}
