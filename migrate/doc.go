// Package migrate writes what AM has as amgate has it: journeys and the
// authentication settings of realms as blocks of a Caddyfile, and journeys as
// exports of AM.
package migrate
