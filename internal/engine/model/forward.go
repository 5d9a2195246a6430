package model

import (
	"math"

	"tinsmith.example/internal/engine/kernel"
	"tinsmith.example/internal/engine/team"
)

// logitRows is how many rows go through the output layer at a time. It bounds
// the memory of their logits and changes no result.
const logitRows = 48

// Runner runs a model's steps: the working memory of one engine loop. It is not
// safe for concurrent use.
type Runner struct {
	*Model
	team    *team.Team
	maxRows int
	step    step
	spans   []span

	// Activations, [maxRows, ...]. A width is padded to whole panels of 16.
	x      []float32      // [dim] residual stream
	cos    []float32      // [headDim/2] of each row's position
	sin    []float32      // the same
	branch []float32      // [dim] what attention or feed-forward adds to it
	normed *kernel.Planes // [dim]
	qkv    []float32      // [q, k, v] each padded
	q      *kernel.Planes // [kvHeads][maxRows][heads/kvHeads] rows of [headDim]
	heads  []float32      // [heads*headDim] attention's outputs
	mixed  *kernel.Planes // the same
	hidden []float32      // [gate, up] each padded
	gated  *kernel.Planes // [ffn]
	logits []float32      // [logitRows, vocab]
	last   *kernel.Planes // [logitRows] of [dim], normed

	workers []worker
}

// worker is one thread's own memory.
type worker struct {
	attention *kernel.Attention
	scratch   *kernel.Scratch
	blocks    [][]byte
	after     [][]byte
	row       []float32
}

// NewRunner makes a runner whose steps have at most maxRows tokens.
func NewRunner(m *Model, t *team.Team, maxRows int) *Runner {
	first := &m.layers[0]
	r := &Runner{
		Model: m, team: t, maxRows: maxRows,
		x:      make([]float32, maxRows*m.Dim),
		cos:    make([]float32, maxRows*m.rope.Half()),
		sin:    make([]float32, maxRows*m.rope.Half()),
		branch: make([]float32, maxRows*first.down.PaddedN()),
		normed: kernel.NewPlanes(maxRows, m.Dim),
		qkv:    make([]float32, maxRows*first.qkvWidth()),
		q:      kernel.NewPlanes(maxRows*m.Heads, m.HeadDim),
		heads:  make([]float32, maxRows*m.Heads*m.HeadDim),
		mixed:  kernel.NewPlanes(maxRows, m.Heads*m.HeadDim),
		hidden: make([]float32, maxRows*2*first.up.PaddedN()),
		gated:  kernel.NewPlanes(maxRows, m.FFN),
		logits: make([]float32, logitRows*m.output.PaddedN()),
		last:   kernel.NewPlanes(logitRows, m.Dim),
	}
	for range t.Size() {
		r.workers = append(r.workers, worker{
			attention: kernel.NewAttention(m.kv),
			scratch:   kernel.NewScratch(),
			row:       make([]float32, max(m.Dim, m.FFN)),
		})
	}
	return r
}

// MaxRows is the most tokens that Forward takes.
func (r *Runner) MaxRows() int { return r.maxRows }

// Forward runs the chunks through the model, writes their keys, values and
// hidden states to their blocks and visits the logits that are wanted. It
// returns when all visits have. The chunks are of different sequences and have
// at most MaxRows tokens together.
func (r *Runner) Forward(chunks []Chunk, visit Visit) {
	r.step.lay(chunks)
	if len(r.step.rows) > 0 {
		r.layersForward()
	}
	r.visitLogits(visit)
}

// Finite says whether the hidden states that the last Forward left in chunk c's
// blocks are finite. Keys and values are if these are: the row of a position
// depends on them.
func (r *Runner) Finite(c int) bool { return !r.step.broken[c].Load() }

// layersForward takes the step's rows from their tokens to their hidden states.
func (r *Runner) layersForward() {
	r.spans = r.step.spans(r.spans[:0], r.KVHeads, max(1, kernel.MaxAttentionRows/(r.Heads/r.KVHeads)), 2*r.team.Size())
	rows := len(r.step.rows)
	for _, p := range []*kernel.Planes{r.normed, r.mixed, r.gated} {
		p.Reset(rows)
	}
	r.team.Run(rows, r.beginRow)
	for i := range r.layers {
		l := &r.layers[i]
		r.team.Run(rows, func(w, row int) { r.normRow(w, row, l.attnNorm, i > 0) })
		r.project(r.normed, rows, r.qkv, l.q, l.k, l.v)
		r.team.Run(rows, func(_, row int) { r.cacheRow(i, l, row) })
		r.team.RunInOrder(len(r.spans), func(w, s int) { r.attend(w, i, s) })
		r.team.Run(rows, func(_, row int) { r.mixed.Split(row, r.heads[row*r.mixed.K:]) })
		r.project(r.mixed, rows, r.branch, l.o)
		r.team.Run(rows, func(w, row int) { r.normRow(w, row, l.ffnNorm, true) })
		r.project(r.normed, rows, r.hidden, l.gate, l.up)
		r.team.Run(rows, func(w, row int) { r.gateRow(w, row, l) })
		r.project(r.gated, rows, r.branch, l.down)
	}
	r.team.Run(rows, r.keepHidden)
}

func (r *Runner) angles(row int) (cos, sin []float32) {
	half := r.rope.Half()
	return r.cos[row*half : (row+1)*half], r.sin[row*half : (row+1)*half]
}

// project multiplies rows of x with matrices whose outputs lie side by side in
// out: [rows, sum of their padded N].
func (r *Runner) project(x *kernel.Planes, rows int, out []float32, matrices ...*kernel.Matrix) {
	stride, panels := 0, 0
	for _, m := range matrices {
		stride += m.PaddedN()
		panels += m.Panels
	}
	// Some pieces for each thread, so that none waits long for the last.
	piece := max(x.PanelsAtOnce(), panels/(8*r.team.Size()))
	pieces := 0
	for _, m := range matrices {
		pieces += (m.Panels + piece - 1) / piece
	}
	r.team.Run(pieces, func(w, p int) {
		column := 0
		for _, m := range matrices {
			n := (m.Panels + piece - 1) / piece
			if p < n {
				first := p * piece
				m.MulPanels(r.workers[w].scratch, out[column:], stride, x, rows, first, min(piece, m.Panels-first))
				return
			}
			p -= n
			column += m.PaddedN()
		}
	})
}

// beginRow looks up a row's embedding and its position's angles.
func (r *Runner) beginRow(_, row int) {
	at := r.step.rows[row]
	cos, sin := r.angles(row)
	r.rope.Angles(cos, sin, r.step.pos(row))
	r.embed.row(r.x[row*r.Dim:(row+1)*r.Dim], r.step.chunks[at.chunk].Tokens[at.index])
}

// normRow adds the branch to a row of the residual stream, if there is one yet,
// and normalises the row for the next projection.
func (r *Runner) normRow(w, row int, weight []float32, add bool) {
	x := r.x[row*r.Dim : (row+1)*r.Dim]
	if add {
		r.addBranch(x, row)
	}
	normed := r.workers[w].row[:r.Dim]
	kernel.RMSNorm(normed, x, weight, r.NormEps)
	r.normed.Split(row, normed)
}

func (r *Runner) addBranch(x []float32, row int) {
	stride := (r.Dim + kernel.TileN - 1) / kernel.TileN * kernel.TileN
	kernel.Add(x, r.branch[row*stride:row*stride+r.Dim])
}

// cacheRow rotates a row's queries and keys to its position, scales the queries
// and splits them, and stores keys and values in the row's KV block.
func (r *Runner) cacheRow(layer int, l *layer, row int) {
	at, pos := r.step.rows[row], r.step.pos(row)
	block := r.step.chunks[at.chunk].Blocks[pos/kernel.BlockPositions].Data
	out := r.qkv[row*l.qkvWidth():]
	queries, keys, values := out, out[l.q.PaddedN():], out[l.q.PaddedN()+l.k.PaddedN():]
	cos, sin := r.angles(row)
	perKV := r.Heads / r.KVHeads
	for h := range r.Heads {
		q := queries[h*r.HeadDim : (h+1)*r.HeadDim]
		kernel.Rotate(q, cos, sin)
		kernel.Scale(q, r.scale)
		r.q.Split((h/perKV*r.maxRows+row)*perKV+h%perKV, q)
	}
	for h := range r.KVHeads {
		key := keys[h*r.HeadDim : (h+1)*r.HeadDim]
		kernel.Rotate(key, cos, sin)
		r.kv.Store(r.headPart(block, layer, h), pos%kernel.BlockPositions, key, values[h*r.HeadDim:])
	}
}

// headPart is one layer's and key-value head's part of a block.
func (m *Model) headPart(block []byte, layer, head int) []byte {
	n := m.kv.HeadBytes()
	at := (layer*m.KVHeads + head) * n
	return block[at : at+n]
}

// attend computes span number at. While workers take spans in turn, this one's next
// is as many further on as there are workers.
func (r *Runner) attend(w, layer, at int) {
	me, s := &r.workers[w], r.spans[at]
	me.blocks, me.after = r.seenBlocks(me.blocks[:0], layer, s, math.MaxInt), me.after[:0]
	if next := at + r.team.Size(); next < len(r.spans) {
		me.after = r.seenBlocks(me.after, layer, r.spans[next], kernel.SpanPositions/kernel.BlockPositions)
	}
	perKV := r.Heads / r.KVHeads
	pos, row := r.step.chunks[s.chunk].Pos+s.first, r.step.first[s.chunk]+s.first
	me.attention.Attend(r.q, (s.head*r.maxRows+row)*perKV, s.count*perKV, pos, perKV, me.blocks, me.after, func(i int) []float32 {
		return r.heads[((row+i/perKV)*r.Heads+s.head*perKV+i%perKV)*r.HeadDim:]
	})
}

// seenBlocks appends the parts of the blocks that the tokens of a span see: of the
// first most of them.
func (r *Runner) seenBlocks(dst [][]byte, layer int, s span, most int) [][]byte {
	chunk := r.step.chunks[s.chunk]
	seen := (chunk.Pos+s.first+s.count-1)/kernel.BlockPositions + 1
	for _, b := range chunk.Blocks[:min(seen, most)] {
		dst = append(dst, r.headPart(b.Data, layer, s.head))
	}
	return dst
}

func (r *Runner) gateRow(w, row int, l *layer) {
	n := l.up.PaddedN()
	hidden := r.hidden[row*2*n:]
	gated := r.workers[w].row[:r.FFN]
	kernel.SiLUMul(gated, hidden[:r.FFN], hidden[n:n+r.FFN])
	r.gated.Split(row, gated)
}

// keepHidden stores what a row is after the last layer in its block.
func (r *Runner) keepHidden(_, row int) {
	x := r.x[row*r.Dim : (row+1)*r.Dim]
	r.addBranch(x, row)
	at := r.step.rows[row]
	if !kernel.Finite(x) {
		r.step.broken[at.chunk].Store(true)
	}
	copy(r.step.hidden(at.chunk, r.step.pos(row), r.Dim), x)
}

// visitLogits runs the output layer on the hidden states whose logits are
// wanted, whichever step they are of.
func (r *Runner) visitLogits(visit Visit) {
	stride := r.output.PaddedN()
	for wanted := r.step.wanted; len(wanted) > 0; {
		rows := wanted[:min(logitRows, len(wanted))]
		wanted = wanted[len(rows):]
		r.last.Reset(len(rows))
		r.team.Run(len(rows), func(w, i int) {
			normed := r.workers[w].row[:r.Dim]
			kernel.RMSNorm(normed, r.step.hidden(rows[i].chunk, rows[i].pos, r.Dim), r.norm, r.NormEps)
			r.last.Split(i, normed)
		})
		r.project(r.last, len(rows), r.logits, r.output)
		r.team.Run(len(rows), func(w, i int) {
			logits := r.logits[i*stride : i*stride+r.Vocab]
			if !kernel.Finite(r.step.hidden(rows[i].chunk, rows[i].pos, r.Dim)) {
				logits = nil
			}
			visit(w, rows[i].chunk, rows[i].pos, logits)
		})
	}
}

// qkvWidth is the width of a row of queries, keys and values, each padded.
func (l *layer) qkvWidth() int { return l.q.PaddedN() + l.k.PaddedN() + l.v.PaddedN() }
