// Package prefix judges what a program does before the point where it is frozen, by its system
// calls: what somebody else could tell (an effect, by which the point must come first), and what
// it reads from outside (which must be the same where it is thawed).
package prefix
