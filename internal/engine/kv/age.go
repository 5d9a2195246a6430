package kv

import "container/heap"

// age is a heap of nodes, the one that was used the longest time ago first.
type age []*node

func (a *age) add(n *node) {
	if n.age < 0 {
		heap.Push(a, n)
	}
}

func (a *age) remove(n *node) {
	if n.age >= 0 {
		heap.Remove(a, n.age)
	}
}

// Len, Less, Swap, Push and Pop are for package heap.

func (a age) Len() int           { return len(a) }
func (a age) Less(i, j int) bool { return a[i].used < a[j].used }

func (a age) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].age, a[j].age = i, j
}

func (a *age) Push(n any) {
	m := n.(*node)
	m.age = len(*a)
	*a = append(*a, m)
}

func (a *age) Pop() any {
	n := len(*a) - 1
	m := (*a)[n]
	(*a)[n] = nil
	*a = (*a)[:n]
	m.age = -1
	return m
}
