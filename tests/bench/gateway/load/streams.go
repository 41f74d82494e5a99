package main

import (
	"bufio"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// What a round of streams measured. A frame is lost when it did not come, came twice or out of its order.
type wave struct {
	P50    float64 `json:"p50"` // milliseconds to the first token
	P99    float64 `json:"p99"`
	Asked  int     `json:"asked"` // frames
	Lost   int     `json:"lost"`
	Peak   int     `json:"peak"` // streams open at once
	Failed int     `json:"failed"`
	Reason string  `json:"reason"`
}

type plan struct {
	asked   target
	streams int
	frames  int
	repeat  int
	stagger time.Duration
	gate    chan struct{} // how many may wait for their first frame at once
	open    atomic.Int64
	peak    atomic.Int64
	mutex   sync.Mutex
	first   times
	arrived int
	failed  int
	reason  string
}

func streams(arguments []string) error {
	options := flag.NewFlagSet("streams", flag.ExitOnError)
	address := options.String("url", "", "where to POST")
	key := options.String("key", "none", "bearer token")
	body := options.String("body", "", "the request's JSON")
	count := options.Int("concurrency", 32, "streams at once")
	frames := options.Int("frames", 64, "frames that the body asks for")
	repeat := options.Int("repeat", 1, "streams one after another on each connection")
	stagger := options.Duration("stagger", 0, "time over which the first ones start")
	opening := options.Int("opening", 256, "streams that may wait for their first frame at once")
	_ = options.Parse(arguments)
	asked, err := newTarget(*address, *key, *body)
	if err != nil {
		return err
	}
	p := &plan{asked: asked, streams: *count, frames: *frames, repeat: *repeat, stagger: *stagger, gate: make(chan struct{}, *opening)}
	var running sync.WaitGroup
	for i := range p.streams {
		running.Go(func() { p.run(i) })
	}
	running.Wait()
	all := p.streams * p.repeat * p.frames
	return show(wave{p.first.quantile(0.5), p.first.quantile(0.99), all, all - p.arrived, int(p.peak.Load()), p.failed, p.reason})
}

func (p *plan) run(number int) {
	time.Sleep(p.stagger * time.Duration(number) / time.Duration(p.streams))
	var open *connection
	for range p.repeat {
		arrived, err := 0, error(nil)
		p.gate <- struct{}{}
		if open == nil {
			open, err = p.asked.connect()
		}
		if err == nil {
			arrived, err = p.read(open)
		} else {
			<-p.gate
		}
		p.mutex.Lock()
		p.arrived += arrived
		if err != nil {
			p.failed++
			p.reason = err.Error()
		}
		p.mutex.Unlock()
		if err != nil {
			return
		}
	}
	_ = open.Close()
}

// read asks for one stream and counts the frames that come in order. It leaves the gate with the first.
func (p *plan) read(open *connection) (int, error) {
	waiting := true
	leave := func() {
		if waiting {
			<-p.gate
			waiting = false
		}
	}
	defer leave()
	begun := time.Now()
	reply, err := open.ask(p.asked)
	if err != nil {
		return 0, err
	}
	arrived := 0
	lines := bufio.NewScanner(reply.Body)
	for lines.Scan() {
		text, isContent := content(lines.Text())
		if !isContent {
			continue
		}
		if waiting {
			p.began(time.Since(begun))
			defer p.open.Add(-1)
			leave()
		}
		if text != fmt.Sprintf("f%d ", arrived) {
			return arrived, fmt.Errorf("frame %d is %q", arrived, text)
		}
		arrived++
		_ = open.SetDeadline(time.Now().Add(patience))
	}
	if arrived < p.frames && lines.Err() == nil {
		return arrived, fmt.Errorf("%s: the stream ended after %d of %d frames", reply.Status, arrived, p.frames)
	}
	return arrived, lines.Err()
}

func (p *plan) began(after time.Duration) {
	now := p.open.Add(1)
	for old := p.peak.Load(); now > old && !p.peak.CompareAndSwap(old, now); old = p.peak.Load() {
	}
	p.mutex.Lock()
	p.first = append(p.first, after)
	p.mutex.Unlock()
}
